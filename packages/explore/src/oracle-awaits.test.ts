import { oracleSuite } from './oracle-suite.ts';
import { flavors } from './programs/random.ts';

oracleSuite(flavors[1]);
