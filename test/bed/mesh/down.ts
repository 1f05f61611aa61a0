/** Takes down every mesh that runs on this machine, and what dead ones left. */
import { endRuns } from '../runFolder.ts';
import { WORLD_PROCESS } from './world.ts';

const ended = await endRuns(WORLD_PROCESS);
console.log(ended === 0 ? 'no mesh was running' : `meshes taken down: ${ended}`);
