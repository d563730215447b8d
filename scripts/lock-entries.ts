/** What we read and write of one package in a package-lock.json (version 3). */
export interface LockEntry {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly dev?: boolean
  readonly peer?: boolean
  readonly optional?: boolean
  readonly os?: ReadonlyArray<string>
  readonly cpu?: ReadonlyArray<string>
  readonly libc?: ReadonlyArray<string>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>
}

const systems = ["darwin", "win32", "linux", "freebsd", "netbsd", "openbsd", "sunos", "aix", "android", "openharmony"]
const processors = ["x64", "arm64", "arm", "ia32", "ppc64", "riscv64", "s390x", "loong64", "mips64el", "wasm32"]
const libraries: Readonly<Record<string, string>> = { musl: "musl", musleabihf: "musl", gnu: "glibc", glibc: "glibc" }

/** The platform a binary package names in its own name: `@deno/linux-arm64-glibc`. */
const platformOf = (name: string): Pick<LockEntry, "os" | "cpu" | "libc"> => {
  const words = (name.split("/").at(-1) ?? "").split("-")
  const os = words.filter((word) => systems.includes(word))
  const cpu = words.filter((word) => processors.includes(word))
  const libc = os.includes("linux") ? words.flatMap((word) => libraries[word] ?? []) : []
  return { ...(os.length ? { os } : {}), ...(cpu.length ? { cpu } : {}), ...(libc.length ? { libc } : {}) }
}

/**
 * Entries for the optional dependencies that a lock file names but does not hold. Only binaries of one platform are
 * meant; anything else that is missing is a real fault of the lock file, and is left to npm.
 */
export const missingEntries = (lock: Lock): Readonly<Record<string, LockEntry>> => {
  const missing: Record<string, LockEntry> = {}
  for (const parent of Object.values(lock.packages)) {
    for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
      const held = Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`))
      const platform = platformOf(name)
      if (held || !(platform.os ?? platform.cpu)) continue
      missing[`node_modules/${name}`] = {
        version,
        ...platform,
        ...(parent.dev ? { dev: true } : {}),
        ...(parent.peer ? { peer: true } : {}),
        optional: true
      }
    }
  }
  return missing
}
