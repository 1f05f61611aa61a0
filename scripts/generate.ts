/** Writes the generated files: `npm run generate`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedFiles } from './generated.ts';

const project = join(import.meta.dirname, '..');

for (const { path, text } of generatedFiles()) {
  writeFileSync(join(project, path), text);
  console.log(`wrote ${path}`);
}
