"""A camera on the network: H.264, 640 x 360, 25 pictures a second, at rtsp://127.0.0.1:PORT/front.

    /usr/bin/python3 rtsp_server.py [USER PASSWORD] [--address ADDRESS] [--port PORT] [--freeze-after SECONDS]

Run by the system's Python with the packages python3-gi and gir1.2-gst-rtsp-server-1.0; exits 77 where they are
missing. Prints the port once it listens. The upper half of each picture is the time at which it was made, so that a
reader can tell how old it is (see `picture`). Key frames are 10 s apart, as many cameras have them. With
`--freeze-after` every reader gets one and the same picture from then on.
"""

import argparse
import sys
import time

NOT_HERE = 77

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
except (ImportError, ValueError) as error:
    print(error, file=sys.stderr)
    sys.exit(NOT_HERE)

WIDTH, HEIGHT, PERIOD_MS, BITS = 640, 360, 40, 16
LAUNCH = (
    "appsrc name=pictures is-live=true do-timestamp=true format=time "
    f"caps=video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={1000 // PERIOD_MS}/1 "
    f"! openh264enc gop-size={10_000 // PERIOD_MS} ! h264parse ! rtph264pay name=pay0 config-interval=1"
)


def picture(t_ms):
    """A white I420 picture under `BITS` upright bars: `t_ms` modulo 2^BITS, white is 1, the highest bit on the left."""
    bars = b"".join((b"\x10", b"\xeb")[t_ms >> bit & 1] * (WIDTH // BITS) for bit in reversed(range(BITS)))
    return bars * (HEIGHT // 2) + b"\xeb" * (WIDTH * HEIGHT // 2) + b"\x80" * (WIDTH * HEIGHT // 2)


def feed(media, freeze_after_s):
    """Give a reader its pictures until it leaves."""
    source = media.get_element().get_by_name("pictures")
    going, began_ms = True, time.monotonic_ns() // 1_000_000

    def push():
        t_ms = time.monotonic_ns() // 1_000_000
        if freeze_after_s is not None:
            t_ms = min(t_ms, began_ms + round(freeze_after_s * 1000))
        if going:
            source.emit("push-buffer", Gst.Buffer.new_wrapped(picture(t_ms)))
        return going

    def stop(_):
        nonlocal going
        going = False

    media.connect("unprepared", stop)
    GLib.timeout_add(PERIOD_MS, push)


def let_in_only(user, password, server, factory):
    """Basic authentication (gst-rtsp-server, examples/test-auth.c)."""
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth = GstRtspServer.RTSPAuth.new()
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    role = "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
    factory.add_role_from_structure(Gst.Structure.from_string(role)[0])


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("credentials", nargs="*")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", default="0")
    parser.add_argument("--freeze-after", type=float)
    options = parser.parse_args(arguments)
    Gst.init(None)
    if Gst.ElementFactory.find("openh264enc") is None:
        print("GStreamer has no openh264enc", file=sys.stderr)
        sys.exit(NOT_HERE)
    server = GstRtspServer.RTSPServer.new()
    server.set_address(options.address)
    server.set_service(options.port)
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(LAUNCH)
    factory.connect("media-configure", lambda _, media: feed(media, options.freeze_after))
    if options.credentials:
        let_in_only(*options.credentials, server, factory)
    server.get_mount_points().add_factory("/front", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main(sys.argv[1:])
