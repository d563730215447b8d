// What needs a hand: found and worded by the code of `sixfold status`, so that both say the same.

import { troublesOf } from "./cli/cures.js"
import { currentToken } from "./session.js"

const usual = "http://127.0.0.1:8080"

/** @param {{ actors: Array<object>, here: Set<string> }} system */
export const troubles = ({ actors, here }) => {
  const tokenFile = currentToken() === undefined ? undefined : "FILE"
  return troublesOf({ url: new URL(location.origin), isOther: location.origin !== usual, tokenFile, here }, actors)
}
