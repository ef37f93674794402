"""`make pin-images`: writes the digest that each image's tag means now behind the tag, in compose.yml and Dockerfile.

A tag can be moved, a digest cannot. To raise a version, change the tag and run it again. Needs Docker and the network.
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = ("compose.yml", "Dockerfile")
IMAGE = re.compile(r"^(FROM|\s+image:) (?!tillkeeper:)([^\s@]+)(?:@\S+)?", re.MULTILINE)


def main(directory: Path) -> None:
    """Write both files, or neither: every digest is known before the first is written."""
    texts = {directory / name: (directory / name).read_text(encoding="utf-8") for name in FILES}
    digests = {image: _digest(image) for text in texts.values() for _, image in IMAGE.findall(text)}
    for path, text in texts.items():
        path.write_text(IMAGE.sub(lambda found: f"{found[1]} {found[2]}@{digests[found[2]]}", text), encoding="utf-8")


def _digest(image: str) -> str:
    """Of the list for all platforms."""
    command = ["docker", "buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", image]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"docker cannot find {image}: {getattr(error, 'stderr', '') or error}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else HERE)
