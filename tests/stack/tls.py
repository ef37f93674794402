"""Certificates for the private servers, of an authority that only a test trusts."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """Files in the PEM format: a server's key, its chain, and the authority that has signed it."""

    key: Path
    chain: Path
    authority: Path

    @classmethod
    def issue(cls, directory: Path, *names: str) -> "Certificate":
        """Write a certificate for these names or addresses, of an authority of its own."""
        directory.mkdir(parents=True, exist_ok=True)
        found = cls(*(directory / name for name in ("key.pem", "chain.pem", "authority.pem")))
        authority = trustme.CA()
        issued = authority.issue_cert(*names)
        found.key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(str(found.key))
        found.chain.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        authority.cert_pem.write_to_path(str(found.authority))
        return found
