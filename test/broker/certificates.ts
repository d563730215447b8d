import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"

export interface Certificates {
  /** A key store with the brokers' key and its chain. */
  readonly keyStore: string
  /** The authority that signed it, in PEM: nobody trusts it who is not told to. */
  readonly authority: string
}

/** Of the key store: it guards a key that only tests know. */
export const storePassword = "sixfold-store"

/** Made once per directory, by Java's own `keytool`; `run` is given the arguments. Good for 127.0.0.1 and localhost. */
export const certificates = async (
  directory: string,
  run: (args: ReadonlyArray<string>) => Promise<unknown>
): Promise<Certificates> => {
  const keyStore = join(directory, "brokers.p12")
  const authorityFile = join(directory, "authority.pem")
  const keytool = (...args: ReadonlyArray<string>) =>
    run([...args, "-keystore", keyStore, "-storetype", "PKCS12", "-storepass", storePassword])
  const pair = ["-keyalg", "EC", "-groupname", "secp256r1", "-validity", "3650"]
  if (!existsSync(authorityFile)) {
    mkdirSync(directory, { recursive: true })
    rmSync(keyStore, { force: true })
    await keytool("-genkeypair", "-alias", "authority", "-dname", "CN=Sixfold tests", "-ext", "bc:c", ...pair)
    const name = ["-dname", "CN=localhost", "-ext", "san=ip:127.0.0.1,dns:localhost"]
    await keytool("-genkeypair", "-alias", "broker", "-signer", "authority", ...name, ...pair)
    await keytool("-exportcert", "-rfc", "-alias", "authority", "-file", authorityFile)
    // With its key in the store a broker might show the authority's certificate for its own.
    await keytool("-delete", "-alias", "authority")
  }
  return { keyStore, authority: readFileSync(authorityFile, "utf8") }
}
