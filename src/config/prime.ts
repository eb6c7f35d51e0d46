export function isPrime(value: number): boolean {
  if (value < 2) return false;
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return true;
}

/** The prime next to `value`, the lower one of two as near, and none above `max`, which is itself a prime. */
export function nearestPrime(value: number, max: number): number {
  if (value >= max) return max;
  for (let distance = 0; ; distance++) {
    if (isPrime(value - distance)) return value - distance;
    if (isPrime(value + distance)) return value + distance;
  }
}

/** The least prime that is not below `value`. */
export function nextPrime(value: number): number {
  let prime = Math.max(2, value);
  while (!isPrime(prime)) prime++;
  return prime;
}
