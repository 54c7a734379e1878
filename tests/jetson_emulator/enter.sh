#!/bin/sh
# In a fresh mount namespace: put the tree of an emulated Jetson in the place of this machine's, then stay.
# enter.sh ROOT
set -e
ROOT=$1
cp -a /etc "$ROOT/host_etc"
cp "$ROOT"/etc/* "$ROOT/host_etc/"
grep -v '^jtop:' /etc/group > "$ROOT/host_etc/group"
echo 'jtop:x:7777:' >> "$ROOT/host_etc/group"
mount --bind "$ROOT/host_etc" /etc
mount --bind "$ROOT/proc/stat" /proc/stat
mount -t tmpfs run /run
mount --bind "$ROOT/sys" /sys
touch "$ROOT/ready"
exec sleep infinity
