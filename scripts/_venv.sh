# Sourced by the scripts beside it: makes .venv in the checkout and installs what is asked for, once per change.
#
#   install_into_venv EXTRAS      such as "" or "[dev]"
#
# PYTHON chooses the interpreter (default python3, 3.10 or newer). On a Jetson the venv sees the system's packages,
# because OpenCV with GStreamer comes from JetPack and must not be replaced.

install_into_venv() {
  local extras="$1" python="${PYTHON:-python3}" stamp=".venv/.installed"
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
    echo "edge_runtime needs Python 3.10 or newer; $python is $("$python" --version). Set PYTHON=python3.x" >&2
    return 1
  }
  local options=()
  [ -e /etc/nv_tegra_release ] && options=(--system-site-packages)
  [ -x .venv/bin/python ] || "$python" -m venv ${options[@]+"${options[@]}"} .venv
  local want all sum
  sum="$(cat setup.cfg pyproject.toml edge_runtime/version.py | cksum)"
  want="$extras $sum" all="[dev] $sum" # [dev] has the others in it that the scripts ask for
  if [ ! -f "$stamp" ] || ! grep -qxF -e "$want" -e "$all" "$stamp"; then
    echo "installing edge_runtime$extras into .venv"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".$extras"
    echo "$want" >> "$stamp"
  fi
}
