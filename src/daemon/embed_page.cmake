# Writes OUT: a header with the bytes of PAGE. Numbers and not a literal: compilers need not take a string of this length.
file(READ ${PAGE} bytes HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE ${OUT} "/* Generated from page.html by src/daemon/embed_page.cmake. */\nstatic const unsigned char eddy_page_bytes[] = {\n${bytes}\n};\n")
