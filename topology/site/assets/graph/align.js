// How high the cells of ordered layers stand: near their neighbours, in their order, never on top of each other. Pure.

const rounds = 24

const mean = (numbers) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length

/**
 * The tops nearest to the wanted ones (least squares) that keep the order and the distance: cells that would overlap move as one
 * block, to the mean of what they want (pool adjacent violators).
 */
const settle = (layer, wanted, gap) => {
  const blocks = []
  let offset = 0
  const offsets = layer.map((cell) => {
    const at = offset
    offset += cell.height + gap
    return at
  })
  layer.forEach((_, index) => {
    let block = { sum: wanted[index] - offsets[index], count: 1 }
    while (blocks.length > 0 && blocks.at(-1).sum / blocks.at(-1).count > block.sum / block.count) {
      const before = blocks.pop()
      block = { sum: before.sum + block.sum, count: before.count + block.count }
    }
    blocks.push(block)
  })
  let index = 0
  for (const { count, sum } of blocks) {
    for (let n = 0; n < count; n++, index++) layer[index].y = sum / count + offsets[index]
  }
}

/**
 * Sets `y` of every cell, the highest at 0.
 *
 * @param {Array<Array<{ height: number, y?: number, before: Array<object>, after: Array<object> }>>} layers
 * @param {number} gap between the cells of a layer
 * @returns {number} the height of it all
 */
export const align = (layers, gap) => {
  for (const layer of layers)
    settle(
      layer,
      layer.map(() => 0),
      gap
    )
  for (let round = 0; round < rounds; round++) {
    for (const layer of round % 2 === 0 ? layers : layers.toReversed()) {
      const wanted = layer.map((cell) => {
        const neighbours = [...cell.before, ...cell.after]
        return neighbours.length === 0
          ? cell.y
          : mean(neighbours.map(({ height, y }) => y + height / 2)) - cell.height / 2
      })
      settle(layer, wanted, gap)
    }
  }
  const cells = layers.flat()
  const top = Math.min(...cells.map(({ y }) => y))
  for (const cell of cells) cell.y = Math.round(cell.y - top)
  return Math.max(...cells.map(({ height, y }) => y + height))
}
