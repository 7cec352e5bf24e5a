/** Entry of the bundle that tests run. */
import { serve } from '../serve.ts';
import { toys } from './toys.ts';

serve(toys);
