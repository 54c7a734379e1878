"""The version, in one place; nothing else may be imported here."""

VERSION = "0.1.0"
