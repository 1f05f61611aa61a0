/** Settings of notifications: who is told of what. Addresses are secrets more often than not. */
import { z } from 'zod';
import { MESSAGE_KINDS } from '../report/message.ts';
import { file, isHttpAddress, label, named } from './settingValues.ts';

const ADDRESS = 'must be an http or https address; a secret one belongs in a file, see urlFile';
const EVENT = 'must be a reason such as RollbackStarted, or a severity: Normal or Warning';

const target = z
  .strictObject({
    name: label,
    type: z.enum(MESSAGE_KINDS, `must be one of ${MESSAGE_KINDS.join(', ')}`).default('Generic'),
    url: z.string(ADDRESS).refine(isHttpAddress, ADDRESS).optional(),
    /** Read anew for every message, so that a rotated secret needs no restart. */
    urlFile: file.optional(),
    /** Empty: everything. */
    events: z
      .array(z.string(EVENT).regex(/^[A-Z][A-Za-z]{0,63}$/, EVENT), 'must be a list')
      .max(64, 'at most 64')
      .default([]),
  })
  .refine(({ url, urlFile }) => (url === undefined) !== (urlFile === undefined), 'needs url or urlFile, and not both');

export const notifications = named(target, 16, 'targets');
