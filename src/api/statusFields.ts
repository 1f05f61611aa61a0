/** Fields that the parts of a status share, and what a rollout waits for. */
import { z } from 'zod';

export const time = z.string().max(35).describe('RFC 3339 time.');
export const sentence = z.string().max(1024);
export const hash = z.string().max(16);
export const count = z.int32().min(0);

export const waiting = z
  .object({
    on: z.string().max(256).describe('As in the column WAITING-ON.'),
    since: time,
    until: time.optional().describe('When it ends by itself, one way or the other; absent where nobody can say.'),
    unblock: sentence.describe('What unblocks it.'),
  })
  .describe('What the rollout waits for; absent where it waits for nothing.');
