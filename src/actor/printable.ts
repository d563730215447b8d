/** Control and format characters: a key that anybody may write must not move the cursor, hide text or turn its direction. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

const escaped = (character: string): string => {
  const code = character.codePointAt(0)!.toString(16)
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\u{${code}}`
}

/** Text from elsewhere in one line that a terminal only prints, cut where it is longer than `most`. */
export const printable = (text: string, most = 300): string => {
  const shown = text.slice(0, most).replace(unsafe, escaped)
  return text.length > most ? `${shown}…` : shown
}

/** A key for a line of the log: it may be long, and somebody's address. Whoever needs it whole asks for the key. */
export const shownKey = (key: string): string => printable(JSON.stringify(key), 60)

const bash = (text: string): string =>
  text
    .replaceAll("\\", "\\\\")
    .replaceAll("'", "\\'")
    .replace(unsafe, (character) =>
      Array.from(new TextEncoder().encode(character), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")
    )

/** A word of a command line for POSIX shells; one with characters that cannot be printed for those that know `$'…'`. */
export const quoted = (word: string): string => {
  if (/^[\w./:@%+=,-]+$/.test(word)) return word
  return word.search(unsafe) >= 0 ? `$'${bash(word)}'` : `'${word.replaceAll("'", "'\\''")}'`
}
