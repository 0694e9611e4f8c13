"""Build step beside pyproject.toml: ship the repository's one `config/` inside the package."""

from setuptools import setup
from setuptools.command.build_py import build_py


class WithConfig(build_py):
    """Copy `config/` into the wheel as `fabio/_config`."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_tree("config", f"{self.build_lib}/fabio/_config")


setup(cmdclass={"build_py": WithConfig})
