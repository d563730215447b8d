import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { chromium } from "playwright-core"
import type { Browser } from "playwright-core"

const names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** `CHROMIUM_PATH`, or the first one on the PATH. None is a failure: a browser that is missing must not look like a page that works. */
const found = (): string => {
  const named = process.env["CHROMIUM_PATH"]
  if (named !== undefined && named !== "") return named
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")
  const path = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram)
  if (path === undefined) throw new Error(`no Chromium on the PATH (${names.join(", ")}), and no CHROMIUM_PATH`)
  return path
}

/** A container allows Chromium no sandbox of its own, and has little shared memory. */
export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: found(), args: ["--no-sandbox", "--disable-dev-shm-usage"] })
