#include <stdio.h>

/* Words in what is read: parted by spaces, tabs and line ends. */
long count_words(FILE *from);
