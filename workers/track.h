/* `savbench track`: one video and given prompts to masks, pictures, or a case file in the goldens' layout. */
#ifndef VB_TRACK_H
#define VB_TRACK_H

int vb_track_main(int argc, char **argv);

#endif
