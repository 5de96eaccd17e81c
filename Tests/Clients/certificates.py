"""Authorities and certificates, made with the openssl command."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def openssl(*arguments):
    done = subprocess.run(
        ["openssl", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, f"openssl {' '.join(map(str, arguments))}: {done.stderr}"
    return done.stdout


class Pair(NamedTuple):
    """A certificate and its key, in a PEM file each."""

    certificate: Path
    key: Path

    @property
    def flags(self):
        return ("--tls-certificate", str(self.certificate), "--tls-key", str(self.key))

    @property
    def der(self):
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())

    def replace_by(self, other):
        """As deployment tools do: never half a file, but one file after the other."""
        for old, new in zip(self, other, strict=True):
            copy = old.with_suffix(".new")
            copy.write_bytes(new.read_bytes())
            copy.rename(old)


def subject_names(hosts):
    kinds = [("IP" if host.replace(".", "").isdigit() or ":" in host else "DNS") for host in hosts]
    return ",".join(f"{kind}:{host}" for kind, host in zip(kinds, hosts, strict=True))


class Authority:
    """An authority with what it issues, in a directory of its own."""

    def __init__(self, directory, name):
        self.directory = directory / name
        self.directory.mkdir()
        self.pair = Pair(self.directory / "authority.pem", self.directory / "authority.key")
        openssl(
            *("req", "-x509", *CURVE, "-noenc", "-days", "30", "-subj", f"/CN={name}"),
            *("-addext", "basicConstraints=critical,CA:TRUE"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-keyout", self.pair.key, "-out", self.pair.certificate),
        )

    @property
    def file(self):
        return self.pair.certificate

    def issue(
        self,
        name,
        hosts=(),
        *,
        subject=None,
        days=30,
        usage="serverAuth",
        key=CURVE,
        digest="sha256",
    ):
        """Issues NAME.pem with NAME.key. Negative days: it has expired."""
        pair = Pair(self.directory / f"{name}.pem", self.directory / f"{name}.key")
        request = self.directory / f"{name}.csr"
        names = ("-addext", f"subjectAltName={subject_names(hosts)}") if hosts else ()
        openssl(
            *("req", "-new", *key, "-noenc", "-subj", subject or f"/CN={name}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
            *("-addext", f"extendedKeyUsage={usage}", *names),
            *("-keyout", pair.key, "-out", request),
        )
        openssl(
            *("x509", "-req", "-in", request, "-copy_extensions", "copy"),
            *("-CA", self.pair.certificate, "-CAkey", self.pair.key),
            *(f"-{digest}", "-days", days, "-out", pair.certificate),
        )
        return pair

    def client(self, version=None, certificate=None):
        """The SSLContext of a client that trusts this authority, that speaks one
        version only, and that has a certificate."""
        context = ssl.create_default_context(cafile=str(self.file))
        if version:
            context.minimum_version = context.maximum_version = version
        if certificate:
            context.load_cert_chain(certificate.certificate, certificate.key)
        return context
