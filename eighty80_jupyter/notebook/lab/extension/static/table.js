// Written by notebook.lab.table
export default {
  "": "all allow-secrets anyway continue dry-run fix forget-answers fresh h help key list logprobs mcp-list models no-cells no-parallel-tools no-stream no-tools once only panel parallel-tools raw remote replace reset status strict tools-list",
  ".+": "again alternative at audio choices column concurrency export extra frequency-penalty holdout image in into keep load logit-bias max-tokens max-total-tokens mcp mcp-stop missing m model n per-minute presence-penalty preset preset-save quote reasoning-effort record replay response-format returns rows samples save score seed show stop s system t temperature tokens-per-minute too-long tool-choice tools top-logprobs top-p truth use user vary without",
  "[0-9]+": "code edit recover retry try undo",
  "[0-9]+(?:-[0-9]*)?": "history",
  "[A-Za-z_][.\\w]*=.*": "set",
  "[^-].*": "fork local new restore",
  "all|above|[0-9]+(?:-[0-9]*)?(?:,[0-9]+(?:-[0-9]*)?)*": "cells",
};
