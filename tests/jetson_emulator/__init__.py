"""An AGX Orin that is not there: a tree of the files the kernel would show, and stand-ins for NVIDIA's commands.

`tree.py` writes the tree, which is all that tests of sysfs need. `machine.py` puts it in the place of /sys inside a
private mount namespace and runs the real jetson-stats service there (root on Linux; nothing outside changes).
"""
