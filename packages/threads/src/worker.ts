/** Entry of the threads bundle: the catalogue, built for threads. */
import { scenarios } from '@faultline/scenarios';
import { serve } from './serve.ts';

serve(scenarios);
