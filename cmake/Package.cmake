# Man page, completion, the engine's sources for `savbench build-engine`, and the Debian package.
#   cmake --preset package && cmake --build --preset package --target package
if(NOT CMAKE_CROSSCOMPILING)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/savbench.1 ${CMAKE_BINARY_DIR}/savbench.bash
    COMMAND sh ${CMAKE_SOURCE_DIR}/docs/manpage.sh $<TARGET_FILE:savbench> ${PROJECT_VERSION} > ${CMAKE_BINARY_DIR}/savbench.1
    COMMAND $<TARGET_FILE:savbench> completion bash > ${CMAKE_BINARY_DIR}/savbench.bash
    DEPENDS savbench savbench-engine ${CMAKE_SOURCE_DIR}/docs/manpage.sh VERBATIM)
  add_custom_target(vb_manpage ALL DEPENDS ${CMAKE_BINARY_DIR}/savbench.1 ${CMAKE_BINARY_DIR}/savbench.bash)
  install(FILES ${CMAKE_BINARY_DIR}/savbench.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${CMAKE_BINARY_DIR}/savbench.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME savbench)
endif()
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")
install(DIRECTORY slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/savbench)

if(VB_ENGINE_APART)
  install(PROGRAMS scripts/build_engine.sh DESTINATION ${CMAKE_INSTALL_DATADIR}/savbench)
  install(FILES CMakeLists.txt CMakePresets.json README.md METRICS.md LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/savbench/source)
  install(DIRECTORY cmake src results sched workers sql docs slurm scripts DESTINATION ${CMAKE_INSTALL_DATADIR}/savbench/source)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME savbench)
set(CPACK_PACKAGE_VENDOR savbench)
set(CPACK_PACKAGE_CONTACT "savbench maintainers <savbench@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Benchmark of video segmentation models on SA-V, over dtypes and devices")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "openmpi-bin")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "rsync, openssh-client")
# What build-engine compiles with, and the torch wheel that it compiles against.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cmake, ninja-build, g++, pkg-config, libopenmpi-dev, libhdf5-dev, libsqlite3-dev, libturbojpeg0-dev, libpng-dev, libjansson-dev, libssl-dev, sqlite3")
set(CPACK_STRIP_FILES ON)
include(CPack)
