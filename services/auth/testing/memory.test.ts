import { createMemoryStores } from './memory.ts';
import { storesContract } from './stores.contract.ts';

storesContract('in memory', async () => ({ ...createMemoryStores(), close: async () => undefined }));
