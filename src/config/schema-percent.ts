import * as z from 'zod';
import { parsing, refuse } from './parsing.ts';

const PERCENT = /^(\d{1,9})\s*%$/;

/** A share in whole percent: `50%`, or the number alone. */
export function percent(min: number, max: number) {
  const expected = 'expected a percentage such as 50%, or a whole number';
  const input = z.union([z.string().regex(PERCENT, expected), z.int()], { error: expected });
  return parsing(input, (value) => {
    const share = typeof value === 'number' ? value : Number(PERCENT.exec(value)?.[1]);
    return share < min || share > max ? refuse(`the percentage must be from ${min} to ${max}`) : share;
  });
}

/** A number of at most three decimals, kept as thousandths. `off`: 0 is taken, too. */
export function thousandths(min: number, max: number, off?: 'or 0') {
  return parsing(z.number(), (value) => {
    if (value === 0 && off !== undefined) return 0;
    if (value < min || value > max) return refuse(`expected ${off === undefined ? '' : '0 or '}a number from ${min} to ${max}, not ${value}`);
    const scaled = Math.round(value * 1000);
    return Math.abs(scaled - value * 1000) > 1e-6 ? refuse(`${value} has more than three decimals`) : scaled;
  });
}

/** A factor such as 1.4, or the same as `140%`; kept in percent. */
export function factor(min: number, max: number) {
  const expected = 'expected a factor such as 1.4 or 140%';
  const input = z.union([z.string().regex(PERCENT, expected), z.number()], { error: expected });
  return parsing(input, (value) => {
    const share = typeof value === 'number' ? value * 100 : Number(PERCENT.exec(value)?.[1]);
    const rounded = Math.round(share);
    if (rounded < min * 100 || rounded > max * 100) {
      const meant = typeof value === 'number' && value >= min * 100 && value <= max * 100;
      return refuse(`the factor must be from ${min} to ${max}`, meant ? `write ${value / 100} or ${value}%` : undefined);
    }
    return Math.abs(rounded - share) > 1e-6 ? refuse(`${value} has more than two decimals`) : rounded;
  });
}

/** A share such as 0.1, or the same as `10%`; kept as whole parts of `scale` (100 = percent, 1000 = thousandths). */
export function share(min: number, max: number, scale: 100 | 1000) {
  const expected = 'expected a share such as 0.5 or 50%';
  const input = z.union([z.string().regex(PERCENT, expected), z.number()], { error: expected });
  return parsing(input, (value) => {
    const scaled = typeof value === 'number' ? value * scale : (Number(PERCENT.exec(value)?.[1]) * scale) / 100;
    const rounded = Math.round(scaled);
    if (rounded < min * scale || rounded > max * scale) {
      const meant = typeof value === 'number' && value > 1 && value >= min * 100 && value <= max * 100;
      return refuse(`the share must be from ${min} to ${max}`, meant ? `write ${value / 100} or ${value}%` : undefined);
    }
    return Math.abs(rounded - scaled) > 1e-6
      ? refuse(`${value} has more than ${scale === 100 ? 'two' : 'three'} decimals`)
      : rounded;
  });
}
