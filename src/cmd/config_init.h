/* `eddy config init`: a configuration to begin with. */
#ifndef EDDY_CMD_CONFIG_INIT_H
#define EDDY_CMD_CONFIG_INIT_H

/* Writes the file unless there is one. Returns the exit code: 0, 73 after a message. */
int eddy_config_init(const char *path);

#endif
