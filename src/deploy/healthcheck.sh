#!/bin/bash
# 0 if eddy's /readyz says 200. It listens on the loopback of its container, which is where this runs; bash does the talking.
address=${1:-127.0.0.1:8377}
exec 3<>"/dev/tcp/${address%:*}/${address##*:}" || exit 1
printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 4 _ status _ <&3
cat <&3
[ "$status" = 200 ]
