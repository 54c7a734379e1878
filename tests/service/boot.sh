#!/bin/sh
# In fresh namespaces: a machine of its own on a RAM disk, with this one's /usr and the given folders read-only, and the
# real systemd as its first process. Only units copied here are known to it: those of this machine must not run.
# boot.sh ROOT FOLDER ...
set -e
ROOT=$1
shift
mount --make-rprivate /
mount -t tmpfs -o mode=755 machine "$ROOT"
cd "$ROOT"
mkdir -p old dev/shm etc proc run sys tmp root var/lib var/log var/tmp
chmod 1777 tmp var/tmp dev/shm
for name in usr bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$name" ]; then
    cp -d "/$name" .
  elif [ -d "/$name" ]; then
    mkdir -p "$name" && mount --bind "/$name" "$name" && mount -o remount,bind,ro "$name"
  fi
done
for folder in "$@"; do
  mkdir -p ".$folder" && mount --bind "$folder" ".$folder" && mount -o remount,bind,ro ".$folder"
done
for device in null zero full random urandom; do
  touch "dev/$device" && mount --bind "/dev/$device" "dev/$device"
done
ln -s /proc/self/fd dev/fd
ln -s fd/2 dev/stderr
cp -a /etc/. etc/
rm -rf etc/systemd etc/fstab etc/machine-id etc/tmpfiles.d etc/sysctl.d
echo 0123456789abcdef0123456789abcdef > etc/machine-id
units=etc/systemd/system
mkdir -p $units
for unit in sysinit basic shutdown multi-user umount; do
  printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' $unit > $units/$unit.target
done
for unit in systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket; do
  cp "/lib/systemd/system/$unit" $units/
done
printf '[Unit]\nDefaultDependencies=no\nRequires=systemd-journald.service\nWants=multi-user.target\n' > $units/machine.target
mount -t proc proc proc
mount --bind proc/sys proc/sys && mount -o remount,bind,ro proc/sys
mount --bind /sys sys && mount -o remount,bind,ro sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 run run
pivot_root . old
umount -l /old
exec env -i container=test SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/systemd/system \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=machine.target --log-target=journal --show-status=no < /dev/null
