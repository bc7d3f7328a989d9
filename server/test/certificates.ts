/**
 * Creates a private certificate authority in `folder` (`authority.crt`), and a certificate for localhost that it has
 * signed (`server.crt`, `server.key`).
 */
export function makeCertificates(folder: string): void {
  const openssl = (...words: string[]) => {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...words], { cwd: folder });
    if (exitCode !== 0) throw new Error(stderr.toString());
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const make = ["req", "-x509", ...key, "-days", "2"];
  const authority = "-keyout authority.key -out authority.crt -subj /CN=authority";
  const signed = "-CA authority.crt -CAkey authority.key -keyout server.key -out server.crt -subj /CN=server";
  const extensions = "-addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
  openssl(...make, ...authority.split(" "));
  openssl(...make, ...`${signed} ${extensions}`.split(" "));
}
