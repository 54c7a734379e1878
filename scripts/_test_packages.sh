# Sourced by test.sh: the Debian packages that some tests need and pip cannot install.
#
#   install_test_packages         as root on Debian or Ubuntu, only what is missing; elsewhere says what will skip

install_test_packages() {
  # An RTSP server for tests/integration/test_rtsp_camera.py and test_camera_*.py; it brings GStreamer's plugins with
  # it. And systemd for tests/integration/test_service_systemd.py, which starts it in namespaces of its own; a file
  # system for test_full_disk.py and networks for test_camera_*.py.
  local packages=(python3-gi gir1.2-gst-rtsp-server-1.0 systemd e2fsprogs iproute2) missing=() package
  local skips="tests/integration/test_rtsp_camera.py, test_camera_*.py, test_service_systemd.py, test_full_disk.py skip"
  command -v dpkg-query > /dev/null || {
    echo "$skips what needs an RTSP server, systemd, a disk or network of its own (on Debian: ${packages[*]})"
    return 0
  }
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local install=(apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}")
  if [ "$(id -u)" = 0 ]; then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    "${install[@]}" > /dev/null 2>&1 || { apt-get update --quiet=2 && "${install[@]}"; } > /dev/null 2>&1 && return 0
  fi
  echo "$skips what needs them: sudo apt-get install ${missing[*]}"
}
