#!/usr/bin/env node
import '../build/launch.js';
