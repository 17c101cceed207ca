/* `savbench doctor`: what this machine and this build can run, before any run, and what to do about each lack. */
#ifndef VB_DOCTOR_H
#define VB_DOCTOR_H

int vb_doctor_main(int argc, char **argv);

#endif
