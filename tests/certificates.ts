/** Self-signed certificates for `localhost`, made by openssl. For tests only. */

/** PEM files. */
export interface CertificateFile {
  readonly cert: string;
  readonly key: string;
}

/** Makes a certificate for `localhost` in `dir`; `undefined` where there is no openssl. */
export async function makeCertificate(dir: string, name: string): Promise<CertificateFile | undefined> {
  const cert = `${dir}/${name}.crt`, key = `${dir}/${name}.key`;
  try {
    const { success } = await new Deno.Command("openssl", {
      args: [
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(" "),
        ...["-keyout", key, "-out", cert, "-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost"],
        ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ],
      stderr: "null",
    }).output();
    return success ? { cert, key } : undefined;
  } catch {
    return undefined;
  }
}
