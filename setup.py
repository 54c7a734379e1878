"""What setup.cfg has no words for: `pipelines/` and `configs/` are installed inside the package, so that
`edge-run demo` works where there is no checkout. An editable install finds them where they are.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = ("pipelines", "configs")


class BuildWithFolders(build_py):
    """Counts the folders among the data files of the package, for the wheel and for the source distribution."""

    def _get_data_files(self):
        return [*super()._get_data_files(), *self._folders()]

    def get_data_files_without_manifest(self):
        return [*super().get_data_files_without_manifest(), *self._folders()]

    def _folders(self):
        for top in FOLDERS:
            for folder in sorted({path.parent for path in Path(top).rglob("*") if path.is_file()}):
                names = sorted(path.name for path in folder.iterdir() if path.is_file())
                yield "edge_runtime", str(folder), str(Path(self.build_lib, "edge_runtime", folder)), names


setup(cmdclass={"build_py": BuildWithFolders})
