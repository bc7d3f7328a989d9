#!/usr/bin/env node
console.log("latchkey");
