import { fetchJars } from "./kafka.ts"

/** Before suites that start clusters side by side. */
export default fetchJars
