const finText = 0x81
const [length16, length64] = [126, 127]

/** A whole text frame of a server, unmasked. Source: RFC 6455, section 5.2. */
export const wireFrame = (text: string): Buffer => {
  const length = Buffer.byteLength(text)
  const head = length < length16 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(head + length)
  frame[0] = finText
  if (head === 2) frame[1] = length
  else if (head === 4) {
    frame[1] = length16
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = length64
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.write(text, head)
  return frame
}
