# Sourced by test.sh: the Debian packages that some tests need and pip cannot install.
#
#   install_test_packages         as root on Debian or Ubuntu, only what is missing; elsewhere says what will skip

install_test_packages() {
  # An RTSP server for tests/integration/test_rtsp_camera.py; it brings GStreamer's plugins with it.
  local packages=(python3-gi gir1.2-gst-rtsp-server-1.0) missing=() package
  command -v dpkg-query > /dev/null || {
    echo "tests/integration/test_rtsp_camera.py will skip: no RTSP server (on Debian: ${packages[*]})"
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
  echo "tests/integration/test_rtsp_camera.py will skip: it needs sudo apt-get install ${missing[*]}"
}
