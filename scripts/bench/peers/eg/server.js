// express-gateway with the two files beside this one, and its own models.
const fs = require('fs');
const path = require('path');
fs.cpSync(path.join('@MODULE@', 'lib/config/models'), path.join(__dirname, 'models'), { recursive: true });
require('@MODULE@')().load(__dirname).run();
