/* In the place of libtorch_cpu.so: only its name and folder matter. */
int fake_libtorch = 1;
