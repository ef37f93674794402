"""`make lock`: writes the hashed lock files in this directory from `setup.cfg`.

One lock serves every supported Python: uv resolves them together and marks the differences.
"""

import configparser
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OPTIONS = ["--universal", "--python-version=3.11", "--generate-hashes", "--quiet", "--no-emit-index-url", "--no-header",
           "--no-emit-find-links", "--no-annotate"]  # fmt: skip


def write_lock(name: str, wanted: str) -> None:
    """Resolve the requirements; pins of the existing lock are kept unless `--upgrade` is given."""
    command = ["uv", "pip", "compile", "-", *OPTIONS, "--output-file", str(HERE / name), *sys.argv[1:]]
    subprocess.run(command, input=wanted, text=True, check=True)


if __name__ == "__main__":
    setup = configparser.ConfigParser()
    setup.read(HERE.parents[1] / "setup.cfg")
    runtime = setup["options"]["install_requires"]
    write_lock("runtime.txt", runtime)
    write_lock("dev.txt", runtime + setup["options.extras_require"]["dev"])
