"""An authority and a server's certificate, as cert-manager writes them into a Secret."""
import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Authority:
    def __init__(self, folder, name):
        self.certificate, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        openssl("req", "-x509", *CURVE, "-keyout", self.key, "-out", self.certificate, "-subj", f"/CN={name}", "-days", "1")

    def certify(self, folder, serial):
        """Writes tls.crt and tls.key for the host `nats`, over those that are there."""
        folder.mkdir(exist_ok=True)
        request, names = folder / "request", folder / "names"
        names.write_text("subjectAltName=DNS:nats\n")
        openssl("req", *CURVE, "-keyout", folder / "tls.key", "-out", request, "-subj", "/CN=nats")
        by = ["-CA", self.certificate, "-CAkey", self.key, "-set_serial", serial, "-days", "1", "-extfile", names]
        openssl("x509", "-req", "-in", request, *by, "-out", folder / "tls.crt")


def openssl(*order):
    subprocess.run(["openssl", *map(str, order)], check=True, capture_output=True)
