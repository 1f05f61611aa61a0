/** Probes that ask the pods of a scope, or what is known of them. */
import { z } from 'zod';

export const enforcement = z.strictObject({
  samples: z.int32().min(1).max(1000).default(20).describe('Pods of a scope that are asked at the most.'),
});

export const workloadReadiness = z.strictObject({});

export const kubernetesApi = z.strictObject({});
