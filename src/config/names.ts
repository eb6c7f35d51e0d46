/** The name of a value in one of the tables of the ABI. */
export function nameOf(table: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(table).find((name) => table[name] === value) ?? `unknown (${value})`;
}
