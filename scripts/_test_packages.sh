# Sourced by test.sh and acceptance.sh: the Debian packages that some tests need and pip cannot install.
#
#   install_test_packages         as root on Debian or Ubuntu, only what is missing; elsewhere says what will skip

install_test_packages() {
  local packages=(
    chromium                                 # tests/web/test_page.py, scripts/acceptance.sh: a browser
    python3-gi gir1.2-gst-rtsp-server-1.0    # tests/integration/test_rtsp_camera.py, test_camera_*.py: an RTSP server
    iproute2                                 # test_camera_*.py: networks of their own
    systemd                                  # test_service_systemd.py, which starts it in namespaces of its own
    e2fsprogs                                # test_full_disk.py: a file system
    mosquitto                                # tests/sinks/test_mqtt.py, test_outputs.py: an MQTT broker
  ) missing=() package
  local skips="tests that need a browser, an RTSP server, a broker, systemd, a disk or a network of their own will skip"
  command -v dpkg-query > /dev/null || {
    echo "$skips (on Debian: ${packages[*]})"
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
  echo "$skips: sudo apt-get install ${missing[*]}"
}
