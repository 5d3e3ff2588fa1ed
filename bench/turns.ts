/** The order of so many variants in a turn. Another one begins each time: speed drifts, and each finds what its neighbour left. */
export const orderOf = (variants: number, turn: number): readonly number[] =>
  Array.from({ length: variants }, (_, step) => (turn + step) % variants);
