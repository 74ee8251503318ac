# What is installed, and the Debian packages eddy and libeddy-dev (`cpack -G DEB` in the build folder).
# Manual pages, completion and the example configuration are what the binary itself prints.
find_program(GZIP gzip REQUIRED)
set(made ${CMAKE_BINARY_DIR}/made)
add_custom_command(
  OUTPUT ${made}/eddy.1.gz ${made}/eddy.yaml.5.gz ${made}/completion/eddy ${made}/eddy.yaml
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${made}
  COMMAND ${CMAKE_COMMAND} -E make_directory ${made}/completion
  COMMAND $<TARGET_FILE:eddy> man > ${made}/eddy.1
  COMMAND $<TARGET_FILE:eddy> man eddy.yaml > ${made}/eddy.yaml.5
  COMMAND ${GZIP} -9n ${made}/eddy.1 ${made}/eddy.yaml.5
  COMMAND $<TARGET_FILE:eddy> completion bash > ${made}/completion/eddy
  COMMAND $<TARGET_FILE:eddy> config init ${made}/eddy.yaml 2> ${made}/log
  DEPENDS eddy VERBATIM)
add_custom_target(eddy_made ALL DEPENDS ${made}/eddy.1.gz)

file(RELATIVE_PATH EDDY_PC_UP /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${CMAKE_SOURCE_DIR}/src/core/eddy.pc.in ${CMAKE_BINARY_DIR}/eddy.pc @ONLY)
install(TARGETS eddy RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
install(FILES ${made}/eddy.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)
install(FILES ${made}/eddy.yaml.5.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT runtime)
install(FILES ${made}/completion/eddy DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT runtime)
install(FILES ${schemas} DESTINATION ${CMAKE_INSTALL_DATADIR}/eddy/schemas COMPONENT runtime)
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)
install(FILES src/deploy/README.md DESTINATION ${CMAKE_INSTALL_DOCDIR}/deploy COMPONENT runtime)
install(FILES src/deploy/alerts.yml src/deploy/prometheus.yml DESTINATION ${CMAKE_INSTALL_DOCDIR}/deploy COMPONENT runtime)
install(TARGETS eddy_embed ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(DIRECTORY include/eddy DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
install(FILES ${CMAKE_BINARY_DIR}/eddy.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

# The service is for packages, not for `cmake --install`: it belongs where systemd looks, whatever the prefix.
install(FILES src/deploy/eddy.service DESTINATION /usr/lib/systemd/system COMPONENT service EXCLUDE_FROM_ALL)
install(FILES ${made}/eddy.yaml DESTINATION /etc/eddy COMPONENT service EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "eddy maintainers <eddy@localhost>")
set(CPACK_SET_DESTDIR ON) # /etc is not below the prefix
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL runtime service development)
set(CPACK_COMPONENT_RUNTIME_GROUP eddy)
set(CPACK_COMPONENT_SERVICE_GROUP eddy)
set(CPACK_COMPONENT_DEVELOPMENT_GROUP dev)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_EDDY_PACKAGE_NAME eddy)
set(CPACK_DEBIAN_EDDY_PACKAGE_SECTION net)
set(CPACK_DEBIAN_EDDY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_EDDY_PACKAGE_DEPENDS passwd)
set(CPACK_DEBIAN_EDDY_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_EDDY_DESCRIPTION "real-time event-stream processor for customer engagement
eddy reads customer events from Kafka, keeps a recency-weighted profile per
user, groups users live, and publishes segment changes and triggers with their
reasons to Kafka and Redis.")
set(CPACK_DEBIAN_EDDY_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/src/deploy/debian/postinst;${CMAKE_SOURCE_DIR}/src/deploy/debian/prerm;${CMAKE_SOURCE_DIR}/src/deploy/debian/postrm;${CMAKE_SOURCE_DIR}/src/deploy/debian/conffiles)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libeddy-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_DESCRIPTION "the pure core of eddy as a static library
The same engine without I/O, clock or threads, for simulations and other
programs.")
include(CPack)
