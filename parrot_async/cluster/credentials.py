"""The TLS credentials of one cluster, made at its start, which only its user can read."""

import socket
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from parrot_async.cluster.folder import Folder

if TYPE_CHECKING:
    from distributed import Security

CHUNK = 16 * 1024


def make(folder: Folder) -> None:
    """Write a fresh self-signed certificate and its key (PEM, mode 0600)."""
    from distributed import Security

    # The one certificate is CA, server and client: who can read it is the cluster's user.
    temporary = Security.temporary()
    folder.write(folder.key_file, temporary.tls_client_key)
    folder.write(folder.cert_file, temporary.tls_client_cert)


def load(folder: Folder) -> "Security":
    """Return Dask's `Security` for every role; it has paths only, so that no repr shows a key."""
    from distributed import Security

    cert, key = str(folder.cert_file), str(folder.key_file)
    return Security(
        require_encryption=True,
        tls_ca_file=cert,
        tls_client_cert=cert,
        tls_client_key=key,
        tls_scheduler_cert=cert,
        tls_scheduler_key=key,
        tls_worker_cert=cert,
        tls_worker_key=key,
    )


def answers(folder: Folder, address: str, timeout: float) -> bool:
    """Whether a process with this cluster's key answers at the address within `timeout` seconds."""
    target = urlsplit(address)
    try:
        context = _context(folder)
        with socket.create_connection((target.hostname, target.port), timeout) as plain:
            _shake_hands(plain, context)
            return True
    except (OSError, ValueError):
        return False


def _shake_hands(plain: socket.socket, context: ssl.SSLContext) -> None:
    """Shake hands as a TLS client.

    `wrap_socket` would leave the socket open where the other end is killed at that moment.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            if not (data := plain.recv(CHUNK)):
                raise ConnectionResetError from None
            incoming.write(data)
    plain.sendall(outgoing.read())


def _context(folder: Folder) -> ssl.SSLContext:
    """Return the context that distributed.security makes: one CA of our own, no host names."""
    context = ssl.create_default_context(cafile=folder.cert_file)
    context.check_hostname = False
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.load_cert_chain(folder.cert_file, folder.key_file)
    return context
