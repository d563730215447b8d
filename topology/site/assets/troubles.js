// What needs a hand: found and worded by the code of `sixfold status`, so that both say the same.

import { troublesOf } from "./cli/cures.js"

/** @param {{ actors: Array<object>, here: Set<string> }} system */
export const troubles = ({ actors, here }) =>
  troublesOf(
    { url: new URL(location.origin), isOther: location.origin !== "http://127.0.0.1:8080", tokenFile: undefined, here },
    actors
  )
