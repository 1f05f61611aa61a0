/** Settings of notifications: who is told of what. Addresses are secrets more often than not. */
import { z } from 'zod';
import { MESSAGE_KINDS } from '../report/message.ts';

const ADDRESS = 'must be an http or https address; a secret one belongs in a file, see urlFile';
const NAME = 'must be a name of lower-case letters, digits and "-", at most 63 characters long';
const EVENT = 'must be a reason such as RollbackStarted, or a severity: Normal or Warning';
const LIST = 'must be a list of at most 16 targets';

export function isAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

const target = z
  .strictObject({
    name: z.string(NAME).regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, NAME),
    type: z.enum(MESSAGE_KINDS, `must be one of ${MESSAGE_KINDS.join(', ')}`).default('Generic'),
    url: z.string(ADDRESS).refine(isAddress, ADDRESS).optional(),
    /** Read anew for every message, so that a rotated secret needs no restart. */
    urlFile: z.string('must be the path of a file').min(1, 'must be the path of a file').optional(),
    /** Empty: everything. */
    events: z
      .array(z.string(EVENT).regex(/^[A-Z][A-Za-z]{0,63}$/, EVENT), 'must be a list')
      .max(64, 'at most 64')
      .default([]),
  })
  .refine(({ url, urlFile }) => (url === undefined) !== (urlFile === undefined), 'needs url or urlFile, and not both');

export const notifications = z
  .array(target, LIST)
  .max(16, LIST)
  .refine(all => new Set(all.map(({ name }) => name)).size === all.length, 'two targets have the same name')
  .default([]);
