import { hash32 } from '../../../src/config/hash.ts';

const U64 = (1n << 64n) - 1n;
const bytesOf = (text: string) => new TextEncoder().encode(text);

export const murmur3 = (text: string, seed: number): number => hash32(bytesOf(text), seed);

const twice = (text: string, high: number, low: number): bigint =>
  (BigInt(murmur3(text, high)) << 32n) | BigInt(murmur3(text, low));

/** Finaliser of splitmix64 (https://prng.di.unimi.it/splitmix64.c). */
export function mix64(value: bigint): bigint {
  let z = value & U64;
  z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & U64;
  z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & U64;
  return z ^ (z >> 31n);
}

/** Hash of the value of one source. */
export const hashSource = (value: string): bigint => twice(value, 0x9747_b28c, 0x85eb_ca6b);

/** Hash of a request: its sources in order, h = rotl(h, 1) ^ hash, from 0. */
export function keyHash(values: readonly string[]): bigint {
  return values.reduce((h, value) => (((h << 1n) | (h >> 63n)) & U64) ^ hashSource(value), 0n);
}

/** Identity of an endpoint. */
export const id64 = (name: string): bigint => twice(name, 0, 1);

/** A number in [0, n) from the high half of a hash. */
export const scaled = (hash: bigint, n: number): number => Number(((hash >> 32n) * BigInt(n)) >> 32n);
