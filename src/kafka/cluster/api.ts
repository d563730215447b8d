import type { API, Connection } from "@platformatic/kafka"

/** One version of a request: how its input becomes the library's arguments. */
export interface ApiVersion<Input, Output> {
  readonly version: number
  send(connection: Connection, input: Input, callback: (error: Error | null, output?: Output) => void): void
}

/** A request the protocol knows, in the versions we speak, the highest first. */
export interface Api<Input, Output> {
  readonly key: number
  readonly name: string
  readonly versions: ReadonlyArray<ApiVersion<Input, Output>>
}

/** The versions a broker speaks of one API. */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

export const version = <Input, Arguments extends Array<unknown>, Output>(
  api: API<Arguments, Output>,
  toArguments: (input: Input) => [...Arguments]
): ApiVersion<Input, Output> => ({
  version: api.version,
  send: (connection, input, callback) => {
    const send = api as unknown as (connection: Connection, ...args: ReadonlyArray<unknown>) => void
    send(connection, ...toArguments(input), callback)
  }
})

/** The highest version both sides speak and `cap` allows; none where there is no such version. */
export const negotiate = <Input, Output>(
  api: Api<Input, Output>,
  broker: VersionRange | undefined,
  cap: number = Infinity
): ApiVersion<Input, Output> | undefined =>
  broker === undefined
    ? undefined
    : api.versions.find(({ version }) => version <= cap && version >= broker.min && version <= broker.max)
